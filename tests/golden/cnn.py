"""Writes tests/golden/cnn.txt: convolutional networks trained by PyTorch, in double precision.

    python cnn.py > cnn.txt

Parameters and rows come from a formula that the test repeats. Weights are made as ours are laid out (a convolution's as
height x width x channels x filters) and turned into PyTorch's. For each network: its spec; the losses before each step of
plain SGD over all rows; and the parameters behind the last, laid out as ours.
"""

import torch

ROWS, STEPS, RATE = 6, 3, 0.1


def noise(count, seed, scale):
    """Numbers between -scale and scale without a pattern that windows could meet again."""
    at = torch.arange(seed, seed + count)
    return ((at * at * 7919 + at * 104729) % 10007).double() / 10007 * (2 * scale) - scale


def network(height, width, channels, filters, kernel, padding, hidden, classes):
    modules, sizes = [], [channels, *filters]
    for before, after in zip(sizes, sizes[1:]):
        modules += [torch.nn.Conv2d(before, after, kernel, padding=padding), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    modules.append(torch.nn.Flatten())
    flat = torch.nn.Sequential(*modules)(torch.zeros(1, channels, height, width)).shape[1]
    sizes = [flat, *hidden, classes]
    for before, after in zip(sizes, sizes[1:]):
        modules += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1]).double()


def load(model):
    """Fills the parameters with noise, as ours are laid out."""
    total = sum(p.numel() for p in model.parameters())
    values, at = noise(total, 1, 0.3), 0
    with torch.no_grad():
        for p in model.parameters():
            part, at = values[at : at + p.numel()], at + p.numel()
            if p.dim() == 4:
                filters, channels, height, width = p.shape
                p.copy_(part.reshape(height, width, channels, filters).permute(3, 2, 0, 1))
            elif p.dim() == 2:
                p.copy_(part.reshape(p.shape[1], p.shape[0]).T)
            else:
                p.copy_(part)


def ours(p):
    if p.dim() == 4:
        return p.permute(2, 3, 1, 0).reshape(-1)
    return (p.T if p.dim() == 2 else p).reshape(-1)


def main():
    for spec, settings in {
        "cnn:6x5x2-3,filters=3-4,kernel=3,hidden=7,dtype=f64": (6, 5, 2, [3, 4], 3, "same", [7], 3),
        "cnn:9x8-4,filters=3,kernel=4,padding=valid,hidden=none,dtype=f64": (9, 8, 1, [3], 4, "valid", [], 4),
        "cnn:13x12x3-3,filters=9-2,kernel=3,padding=valid,hidden=5-6,dtype=f64": (13, 12, 3, [9, 2], 3, "valid", [5, 6], 3),
    }.items():
        height, width, channels = settings[:3]
        model = network(*settings)
        load(model)
        # Single precision first: that is what rows are.
        rows = noise(ROWS * height * width * channels, 5000, 1.0).float().double()
        rows = rows.reshape(ROWS, channels, height, width)
        labels = torch.arange(ROWS) % settings[-1]
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        losses = []
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(rows), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(spec)
        print(*[f"{loss:.13g}" for loss in losses])
        print(*[f"{value:.11g}" for p in model.parameters() for value in ours(p).tolist()])


main()
